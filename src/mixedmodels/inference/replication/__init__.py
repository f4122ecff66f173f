"""Many replicates of one job: in blocks, over threads or machines, with progress and a way out."""

from mixedmodels.inference.replication.run import Job, progress, replicated

__all__ = ["Job", "progress", "replicated"]
