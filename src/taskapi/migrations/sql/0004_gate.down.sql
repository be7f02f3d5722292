DROP TABLE gate_state;
