"""Everything that outlives a process: the database, uploaded files, aliases, published models.

Begin with `database` (connections and transactions) and `tables` (what is stored); `migrations` creates the tables.
`files` and `aliases` each own one table; the tables of jobs are used by `app.jobs`. `published_models` publishes
and deletes models in the folder that the service watches.
"""
