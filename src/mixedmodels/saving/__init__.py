"""Fitted models as files of plain data, and back."""
