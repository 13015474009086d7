"""`python -m sonant` is `sonant`."""

from sonant.cli import main

if __name__ == "__main__":
    main()
