"""``python -m benchmarks``: the short set, one table each."""

from benchmarks import unequal_nodes

if __name__ == "__main__":
    unequal_nodes.main()
