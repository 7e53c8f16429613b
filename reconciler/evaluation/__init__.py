"""Who gets a feature: pure, and light enough for every request of an application."""
