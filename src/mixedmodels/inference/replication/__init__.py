"""Many replicates of one job: in blocks, over threads or machines, with progress and a way out."""

from mixedmodels.engine.progress import progress
from mixedmodels.inference.replication.run import AT_ONCE, Job, in_blocks, replicated

__all__ = ["AT_ONCE", "Job", "in_blocks", "progress", "replicated"]
