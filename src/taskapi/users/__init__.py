"""People: who they are, what role they have, whether they are let in. Knows no password and no session."""
