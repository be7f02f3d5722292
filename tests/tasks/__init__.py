"""Tasks, through HTTP and, where the claim is about SQL or pure rules, directly."""
