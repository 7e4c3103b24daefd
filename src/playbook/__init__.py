"""agentic-llm-playbook: a whole language-model laboratory behind one `dvc repro`.

The layers, top to bottom; an import may only point down (`import-linter` holds it):

    stages | labs | commands | serving    entry points: they wire, they do not compute (serving: the playground)
    tracking                     runs shown side by side in MLflow
    pipeline                     the DAG as a whole: its engines, records, revisions
    reporting                    metrics files -> tables, figures, pages
    evaluation                   records and models -> metrics with intervals
    posttraining | agent         losses on preferences and rewards | finding documents, remembering, acting
    training | inference         strangers to each other
    model | data                 strangers to each other
    text                         tokenizers, chat template
    plumbing                     errors, parameters, run logs, the stage context
"""
