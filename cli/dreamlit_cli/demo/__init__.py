"""The demo: a local inbox, and a story that behaves as the application."""
