"""Side by side with other programs: the same data, the same machine, the same run."""
