"""Side-by-side measurements, each run by one command; `python -m benchmarks` lists them.

`quality` compares perplexities, `speed` the library's tokens a second, `service` what clients of the HTTP service see.
Files that begin with an underscore are shared by the benchmarks beside them. `recipes/` holds the recipes of the
shipped models. Figures in documents come from here.
"""
