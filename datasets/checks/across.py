"""What only shows when all tasks of a data set are seen; of each picture and label a hash is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from segbench.datasets.checks.view import Finding, View

Places = dict[str, str]  # the first task in each split


class Across:
    """Remembers what came before."""

    def __init__(self) -> None:
        self._subjects: dict[str, Places] = {}
        self._pictures: dict[bytes, tuple[str, Places]] = {}
        self._masks: dict[str, dict[bytes, bytes]] = {}
        self._said: set[tuple[str, tuple[bytes, ...]]] = set()

    @property
    def pictures(self) -> int:
        """Distinct pictures so far."""
        return len(self._pictures)

    def add(self, view: View) -> None:
        """Take note of a task."""
        task = view.task.name
        marked = self._masks.setdefault(task, {})
        rows = zip(view.subjects, view.split, view.digests, view.label_digests, strict=True)
        for subject, split, picture, mask in rows:
            self._subjects.setdefault(str(subject), {}).setdefault(str(split), task)
            self._pictures.setdefault(picture, (str(subject), {}))[1].setdefault(str(split), task)
            marked[picture] = mask

    def unsaid(self, view: View, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Of findings about pictures those that an earlier task with the same pictures has not had."""
        for found in findings:
            key = (found.what, tuple(view.digests[image] for image in found.images))
            if key not in self._said:
                self._said.add(key)
                yield found

    def findings(self) -> Iterator[Finding]:
        """Subjects and pictures in two splits of different tasks, and labels that are the same."""
        for subject, places in self._subjects.items():
            if len(set(places.values())) > 1:
                yield Finding(
                    "warning",
                    "subject in two splits of different tasks",
                    "give different people different names, or one person one split",
                    subjects=(subject,),
                    numbers=places,
                )
        for subject, places in self._pictures.values():
            if len(set(places.values())) > 1 and len(set(self._subjects[subject].values())) == 1:
                yield Finding(
                    "warning",
                    "picture in two splits of different tasks",
                    "put it under one subject in all tasks",
                    subjects=(subject,),
                    numbers=places,
                )
        yield from self._twins()

    def _twins(self) -> Iterator[Finding]:
        for (first, ones), (second, others) in combinations(self._masks.items(), 2):
            shared = ones.keys() & others.keys()
            if len(shared) > 1 and all(ones[picture] == others[picture] for picture in shared):
                yield Finding(
                    "warning",
                    "two labels that are the same",
                    "look whether one structure has two names",
                    first,
                    numbers={"other": second, "pictures": len(shared)},
                )
