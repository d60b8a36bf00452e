"""Makes the Parquet files of this folder, laid out as the hub's GLUE: `python tests/parquet/make.py`, with pyarrow 26."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
PAIRS = [
    ("A cat sleeps.", "An animal rests.", 0),
    ('He said "no",\nand left.', "He stayed.", 2),
    ("Ein schöner Tag", "It may rain.", 1),
    ("", "Nothing was said before.", 1),
    ("Two birds sing.", "Birds are heard.", 0),
]
SCORES = [("One.", "One.", 5.0), ("One.", "Another.", 1.8), ("Far", "away", 0.0)]


def table(names, types, rows):
    columns = [pa.array(list(column), type) for column, type in zip(zip(*rows), types)]
    return pa.table(columns, names=names)


pairs = table(
    ["premise", "hypothesis", "label", "idx"],
    [pa.string(), pa.string(), pa.int64(), pa.int32()],
    [(*row, place) for place, row in enumerate(PAIRS)],
)
scores = table(["sentence1", "sentence2", "label"], [pa.string(), pa.string(), pa.float32()], SCORES)
# Several groups of rows, dictionaries and Snappy, as the hub's; and the other compression that is met.
pq.write_table(pairs, HERE / "pairs.parquet", compression="snappy", row_group_size=2)
pq.write_table(scores, HERE / "scores.parquet", compression="zstd", use_dictionary=False)
