"""The table of measured cells: sortable; a row leads to its cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from dispr.napari_plugin.summary import (
    SHOWN,
    Row,
    class_in_words,
    class_order,
    interval_name,
    measured,
    title,
    unit_in,
)

_BEFORE = 2
"""Columns before the measures: label and warning; after them, the class may follow."""


class _Item(QTableWidgetItem):
    """A text that is sorted by a number; what has none comes last in either order."""

    def __init__(self, text: str, number: float) -> None:
        super().__init__(text)
        self.number = number

    def __lt__(self, other: Any) -> bool:
        if math.isnan(self.number) or math.isnan(other.number):
            down = self.tableWidget().horizontalHeader().sortIndicatorOrder()
            last = self if down == Qt.SortOrder.DescendingOrder else other
            return math.isnan(last.number)
        return bool(self.number < other.number)


class ResultTable(QTableWidget):
    """A row for each cell: label, warning, a few measures with their intervals, predicted class.

    Attributes
    ----------
    chosen : Signal(int)
        Emitted with the label of the cell whose row was chosen.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.itemSelectionChanged.connect(self._selected)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other cells.

        Parameters
        ----------
        rows : sequence of mapping
            As of `dispr.labelled.field.table.cell_row`.
        """
        self.blockSignals(True)
        self.setSortingEnabled(False)
        self.clear()
        shown = [n for n in SHOWN if any(not math.isnan(measured(r, n).value) for r in rows)]
        unit = unit_in(rows)
        after = ["Class"] if any(class_in_words(row) for row in rows) else []
        self.setColumnCount(_BEFORE + len(shown) + len(after))
        titles = [title(name, unit) for name in shown]
        self.setHorizontalHeaderLabels(["Cell", "!", *titles, *after])
        self.horizontalHeaderItem(1).setToolTip("Whether the cell has a warning")
        for k in range(len(shown)):
            self.horizontalHeaderItem(_BEFORE + k).setToolTip(
                f"Value of the consensus shape; in (), the {interval_name(rows)}; in [], the range "
                "of the samples, if the model was not calibrated or the cell has a warning"
            )
        if after:
            self.horizontalHeaderItem(_BEFORE + len(shown)).setToolTip(
                "Class predicted from the section, with its probability; of SDE cells also the "
                "score from -1 (spherocyte) over 0 (discocyte) to 1 (echinocyte)"
            )
        self.setRowCount(len(rows))
        for i, row in enumerate(rows):
            warning = str(row.get("warning") or "")
            items = [
                _Item(str(row["label"]), float(row["label"])),
                _Item("\u26a0" if warning else "", float(bool(warning))),
            ]
            for name in shown:
                found = measured(row, name)
                items.append(_Item(str(found), found.value))
            if after:
                items.append(_Item(class_in_words(row), class_order(row)))
            for k, item in enumerate(items):
                item.setData(Qt.ItemDataRole.UserRole, int(row["label"]))
                item.setToolTip(warning)
                if k:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(i, k, item)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.blockSignals(False)

    def choose(self, label: int) -> None:
        """Choose the row of a cell."""
        for i in range(self.rowCount()):
            if self.item(i, 0).data(Qt.ItemDataRole.UserRole) == label:
                self.selectRow(i)

    def _selected(self) -> None:
        items = self.selectedItems()
        if items:
            self.chosen.emit(int(items[0].data(Qt.ItemDataRole.UserRole)))
