"""What ``bramble demo`` shows: state folded from what the cluster says, a view of it, a summary in the end."""
