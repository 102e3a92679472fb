"""How each library runs what a workload asks for. Libraries are imported when an engine is built, in its process."""
