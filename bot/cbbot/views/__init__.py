"""The trader as people and monitoring see it: rows of JSON, metrics. Shared by live, web and research."""
