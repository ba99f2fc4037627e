"""What listens for HTTP: opens, clicks, unsubscribing, preferences, webhooks, health and metrics."""
