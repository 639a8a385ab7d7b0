"""Tables as files, for tests of manifests."""

import json


def write_csv(file, *lines):
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_rows(file, rows):
    """Write rows in the format of the file's extension."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    match file.suffix:
        case ".csv":
            frame.to_csv(file, index=False)
        case ".tsv":
            frame.to_csv(file, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(file, index=False)
        case _:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
