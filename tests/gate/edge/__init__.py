"""What the gate says over HTTP: answers that are kept, limits, and who may pass."""
