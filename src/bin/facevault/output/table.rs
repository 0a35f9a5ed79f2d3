//! Tables.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::escaped;

/// Rows under headings. On a terminal it fits the width; otherwise a row is a line.
pub(crate) struct Listing {
    table: Table,
    headings: Vec<&'static str>,
    numbers: Vec<usize>,
}

impl Listing {
    /// A table with these headings and no rows.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        Self { table, headings: headings.to_vec(), numbers: Vec::new() }
    }

    /// The same table with the columns of numbers set to the right.
    pub(crate) fn numbers(mut self, columns: &[usize]) -> Self {
        self.numbers = columns.to_vec();
        self
    }

    /// Adds a row.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().enumerate().map(|(i, cell)| {
            let cell = Cell::new(escaped(cell.as_ref()));
            if self.numbers.contains(&i) { cell.set_alignment(CellAlignment::Right) } else { cell }
        });
        let cells: Vec<Cell> = cells.collect();
        self.table.add_row(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The lines, each ended by a line break.
    pub(super) fn render(&self, colour: bool) -> String {
        let mut table = self.table.clone();
        if colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        let headings = self.headings.iter().enumerate().map(|(i, heading)| {
            let cell = Cell::new(heading).add_attribute(Attribute::Bold);
            if self.numbers.contains(&i) { cell.set_alignment(CellAlignment::Right) } else { cell }
        });
        table.set_header(headings.collect::<Vec<_>>());
        let last = self.headings.len().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { 2 }));
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_under_their_headings() {
        let mut listing = Listing::new(&["NAME", "PHOTOS", "NOTES"]).numbers(&[1]);
        assert!(listing.is_empty());
        listing.row(["Ada", "2", "a\u{1b}b"]);
        listing.row(["Grace Hopper", "10", ""]);
        assert_eq!(
            listing.render(false),
            "NAME          PHOTOS  NOTES\nAda                2  a\\u{1b}b\nGrace Hopper      10\n"
        );
    }
}
