"""What administrators may see and do."""
