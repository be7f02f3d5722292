"""Tasks: what people have to do."""
