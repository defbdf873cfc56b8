"""`python -m cli`: the same as `pca`, where the command itself is not on the path."""

from cli.main import main

if __name__ == "__main__":
    main()
