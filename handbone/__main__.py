"""`python -m handbone` is the command line."""

from handbone.cli import main

if __name__ == "__main__":
    main()
