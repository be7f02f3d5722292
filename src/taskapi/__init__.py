"""Task API: a self-hosted task management API. The map is `docs/architecture.md`."""
