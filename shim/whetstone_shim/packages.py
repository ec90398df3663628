"""Small stand-ins for packages of other tools that an evaluator imports, used only where the real one is not installed.

They do what those tools document of these few names, and nothing else.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys
import time


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name not in _contents:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=any(each.startswith(name + ".") for each in _contents))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        vars(module).update(_contents[module.__name__])


def install():
    """Last among the finders, so that an installed package comes first."""
    sys.meta_path.append(_Finder())


class EvaluationResult:
    """OpenEvolve: metrics (name -> number) and artifacts (name -> text or bytes)."""

    def __init__(self, metrics=None, artifacts=None):
        self.metrics = {} if metrics is None else metrics
        self.artifacts = {} if artifacts is None else artifacts

    @classmethod
    def from_dict(cls, metrics):
        return cls(metrics=metrics)

    def to_dict(self):
        return self.metrics


def run_shinka_eval(
    program_path,
    results_dir,
    experiment_fn_name,
    num_runs,
    get_experiment_kwargs=None,
    aggregate_metrics_fn=None,
    validate_fn=None,
    **_other
):
    """ShinkaEvolve: calls a function of the program several times, validates and aggregates what it returned, and
    leaves metrics.json and correct.json in the folder of results."""
    spec = importlib.util.spec_from_file_location("program", program_path)
    module = importlib.util.module_from_spec(spec)
    results, seconds, faults = [], [], []
    try:
        spec.loader.exec_module(module)
        function = getattr(module, experiment_fn_name)
        for run in range(num_runs):
            kwargs = {"seed": run + 1} if get_experiment_kwargs is None else get_experiment_kwargs(run)
            began = time.perf_counter()
            result = function(**kwargs)
            seconds.append(time.perf_counter() - began)
            results.append(result)
            is_valid, why = (True, None) if validate_fn is None else validate_fn(result)
            if not is_valid:
                faults.append(str(why))
        metrics = {} if aggregate_metrics_fn is None else dict(aggregate_metrics_fn(results))
        metrics.pop("extra_data", None)
        metrics.setdefault("num_successful_runs", len(results))
        mean = sum(seconds) / len(seconds) if seconds else 0.0
        spread = sum((each - mean) ** 2 for each in seconds) / len(seconds) if seconds else 0.0
        metrics.update(execution_time_mean=mean, execution_time_std=spread**0.5)
    except Exception as error:
        metrics, faults = {"combined_score": 0.0}, faults + ["%s: %s" % (type(error).__name__, error)]
    if validate_fn is not None:
        metrics.update(num_valid_runs=len(results) - len(faults), num_invalid_runs=len(faults))
        metrics["all_validation_errors"] = sorted(set(faults))
    correct, error = not faults, faults[0] if faults else None
    save_json_results(results_dir, metrics, correct, error)
    return metrics, correct, error


def save_json_results(results_dir, metrics, correct, error=None):
    os.makedirs(results_dir, exist_ok=True)
    for name, content in (("metrics", metrics), ("correct", {"correct": correct, "error": error})):
        with open(os.path.join(results_dir, name + ".json"), "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2, default=_plain)


def _plain(value):
    """A number of numpy's as one of Python's, an array as lists."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def log(*values, **_other):
    """GEPA: a line for whoever reflects on the result."""
    print(*values, file=sys.stderr)


_contents = {
    "openevolve": {},
    "openevolve.evaluation_result": {"EvaluationResult": EvaluationResult},
    "shinka": {},
    "shinka.core": {"run_shinka_eval": run_shinka_eval, "save_json_results": save_json_results},
    "shinka.core.wrap_eval": {"run_shinka_eval": run_shinka_eval, "save_json_results": save_json_results},
    "gepa": {},
    "gepa.optimize_anything": {"log": log, "SideInfo": dict, "Candidate": dict},
}
