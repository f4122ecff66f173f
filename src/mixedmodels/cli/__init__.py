"""The command `mixedmodels`: fit a model to a file, list the bundled data sets."""
