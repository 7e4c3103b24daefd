# The stages of every dvc.yaml, run by Snakemake: `make snake CORES=2`. No rule stands here; see src/playbook/pipeline.
from pathlib import Path

from playbook.pipeline.record import record
from playbook.pipeline.rules import rules as stages

ROOT = Path(workflow.basedir)
STAGES = {stage.name: stage for stage in stages(ROOT)}

for stage in STAGES.values():
    rule:
        name: stage.name
        default_target: stage.is_default
        input: stage.inputs, ancient(stage.ordered)
        output: stage.files, [directory(folder) for folder in stage.folders]
        params: stage=stage.params, command=stage.command
        threads: stage.threads
        resources: **stage.resources
        shell: "{params.command}"

onsuccess:
    if not workflow.touch:
        record(ROOT, [STAGES[job.rule.name] for job in workflow.dag.finished_jobs])
