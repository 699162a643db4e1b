"""What every comparison stands on: processor time of whole process trees, the bare job beside it, rounds, reports."""
