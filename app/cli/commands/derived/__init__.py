"""Commands that make a model, or a file, of models that are there: `import`, `export`, `convert`, `counts`, `mix`."""
