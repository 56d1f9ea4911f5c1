"""What MLflow reads in a file store: python with_mlflow.py STORE EXPERIMENT."""

import json
import os
import sys

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
# No figures of this run to its makers.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow.tracking import MlflowClient  # noqa: E402

store, experiment = sys.argv[1:]
client = MlflowClient(tracking_uri=f"file://{os.path.abspath(store)}")
found = client.get_experiment_by_name(experiment)
runs = client.search_runs([found.experiment_id], order_by=["attributes.run_name"])


def artifacts(run_id, path=None):
    for artifact in client.list_artifacts(run_id, path):
        if artifact.is_dir:
            yield from artifacts(run_id, artifact.path)
        else:
            yield artifact.path


def described(run):
    history = {
        name: [[point.step, point.value, point.timestamp] for point in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "started": run.info.start_time,
        "ended": run.info.end_time,
        "params": run.data.params,
        "last": run.data.metrics,
        "history": history,
        "tags": run.data.tags,
        "artifacts": sorted(artifacts(run.info.run_id)),
    }


experiments = [found.name for found in client.search_experiments()]
# A store that MLflow goes on with: it writes into what it was given.
client.set_tag(runs[0].info.run_id, "seen", "yes")
own = client.create_run(found.experiment_id, run_name="its own")
client.log_metric(own.info.run_id, "train/loss", 1.0)
client.delete_run(own.info.run_id)
print(json.dumps({"experiments": experiments, "runs": [described(run) for run in runs]}))
