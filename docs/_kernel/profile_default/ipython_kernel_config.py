"""Kernels of pages: pictures at twice the dots for sharp screens, tracebacks as plain text."""

c = get_config()  # noqa: F821 - IPython puts it here
c.InlineBackend.figure_formats = {"retina"}
c.InteractiveShell.colors = "nocolor"
c.InteractiveShell.xmode = "Plain"
c.Application.log_level = "ERROR"
c.HistoryManager.enabled = False
