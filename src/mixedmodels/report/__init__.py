"""Reports as text and HTML; they read tables and compute nothing."""
