"""What a fit hides: residuals of every kind, leverage, influence, and checks of the assumptions."""
