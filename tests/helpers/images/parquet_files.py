"""Damage Parquet files."""

import pyarrow.parquet as pq


def overwrite_column(file, column, group=0):
    """Overwrite the pages of a column in one row group."""
    chunk = pq.ParquetFile(file).metadata.row_group(group).column(column)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(file.read_bytes())
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    file.write_bytes(content)
