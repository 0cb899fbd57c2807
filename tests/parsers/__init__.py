"""Parsers of bytes from outside, each with the property that whatever comes is a valid result or a clean error.

| bytes | parsed by | come from |
|---|---|---|
| card, forged or mutated | `models.checkpoint.card`, `load` | a folder of checkpoints |
| weights, tables and counts (safetensors) | `models.ngram.backoff_table`, `counts_file` | the same |
| our own `tokenizer.json` | `models.tokenization.tokenizer` | the same |
| `tokenizer.json`, SentencePiece, word list of others | `models.tokenization.foreign` | uploads, files |
| ARPA text, compressed or not; header of a KenLM binary | `models.ngram.formats` | uploads, files |
| labelled files: csv, tsv, JSON lines, CoNLL, SQuAD, ... | `models.data.labelled` | uploads, files |
| word vectors, arrays of NumPy; plain text in any encoding | `models.data` | uploads, files |
| uploads, compressed or not, forms | `app.storage.files.upload`, `app.http` | requests |
| JSON bodies, jobs, records, names, content types | `app.http`, `app.schemas` | requests |
| saved training states, remembered hashes | `models.neural.training`, `models.checkpoint` | data folder |
| recipes, API keys, archives of a service | `app.schemas`, `app.storage`, `app.cli.archive` | operators |

`table.PARSERS` has them all. Heads of requests are tried over sockets in `tests/app/server`, the routes by
schemathesis in `tests/app/openapi`. What KenLM itself reads of a binary is C++ that trusts its file, so only an
operator may import one.
"""
