"""
What words for actions mean, whoever says them: names, points and keys of many tools and dialects.

Names, fields and code come in as a model or a recording gave them; canonical actions with their points go out.
"""
