"""The commands of a pipeline, in their order, as JSON: [[name of the job or step, command], ...].

Usage: pipeline_commands.py github|gitlab|woodpecker FILE
"""

import json
import sys

from ruamel.yaml import YAML


def commands(kind, pipeline):
    if kind == "github":
        for name, job in pipeline["jobs"].items():
            for step in job["steps"]:
                if "run" in step:
                    yield name, step["run"]
    elif kind == "gitlab":
        for name, job in pipeline.items():
            for command in job.get("script", []) if isinstance(job, dict) else []:
                yield name, command
    else:
        for step in pipeline["steps"]:
            for command in step["commands"]:
                yield step["name"], command


with open(sys.argv[2]) as file:
    print(json.dumps(list(commands(sys.argv[1], YAML(typ="safe").load(file)))))
