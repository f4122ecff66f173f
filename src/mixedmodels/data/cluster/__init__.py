"""Tables whose rows are in parts on the workers of a cluster.

`Partitions.of` recognises those of Dask, Spark and Ray; `Partitions.results` has a `Task` done once
for every part, where the part is, and gives what each returned, in no particular order. A part
whose worker is lost is done again by the cluster itself. The libraries are never imported but where
an object of theirs is given.
"""

from mixedmodels.data.cluster.partitions import Partitions
from mixedmodels.data.cluster.task import Task

__all__ = ["Partitions", "Task"]
