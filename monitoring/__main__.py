"""`python -m monitoring`: writes every file that is made from another; a test fails if one lags."""

from monitoring.files import rendered


def main() -> None:
    """Write them."""
    for path, text in rendered().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
