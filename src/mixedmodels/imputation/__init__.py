"""Missing values: filled in by mixed models, looked at, and assumed otherwise in trials."""
