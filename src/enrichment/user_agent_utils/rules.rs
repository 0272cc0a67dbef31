//! The walk through a table of rows that form a tree.
//!
//! Facts: HaraldWalker/user-agent-utils 1.21 (BSD-3-Clause), `Browser.checkUserAgent` and
//! `OperatingSystem.checkUserAgent`.

use memchr::memmem::Finder;

/// A row of a table. Texts to look for are in lower case.
pub(super) struct Row<F: 'static> {
    /// 0 for families, 1 for their children, …
    pub level: u8,
    /// The name; `{}` stands for a number.
    pub name: &'static str,
    /// If not empty, this row stands for many: ranges of numbers for `{}`, counted down from the first of each pair.
    pub numbers: &'static [(u8, u8)],
    /// A user agent fits if it contains one of these…
    pub contains: &'static [&'static str],
    /// …and none of these, unless one of the row's children fits.
    pub unless: &'static [&'static str],
    /// What the row tells.
    pub facts: F,
}

/// A row ready for searching, with its children.
pub(super) struct Branch<F> {
    pub name: String,
    pub facts: F,
    contains: Vec<Finder<'static>>,
    unless: Vec<Finder<'static>>,
    children: Vec<Branch<F>>,
}

/// A row that fits, and the row at level 0 above it.
pub(super) struct Fit<'b, F> {
    pub row: &'b Branch<F>,
    pub family: &'b Branch<F>,
}

/// Builds the tree of a table.
pub(super) fn tree<F: Copy>(rows: &'static [Row<F>]) -> Vec<Branch<F>> {
    let mut expanded = Vec::new();
    for row in rows {
        if row.numbers.is_empty() {
            expanded.push((row.level, branch(row, None)));
        }
        for (from, to) in row.numbers {
            expanded.extend((*to..=*from).rev().map(|number| (row.level, branch(row, Some(number)))));
        }
    }
    let mut rest = expanded.into_iter().peekable();
    children_of(&mut rest, 0)
}

fn children_of<F>(rest: &mut std::iter::Peekable<std::vec::IntoIter<(u8, Branch<F>)>>, level: u8) -> Vec<Branch<F>> {
    let mut branches = Vec::new();
    while let Some((_, mut branch)) = rest.next_if(|(next, _)| *next == level) {
        branch.children = children_of(rest, level + 1);
        branches.push(branch);
    }
    branches
}

fn branch<F: Copy>(row: &Row<F>, number: Option<u8>) -> Branch<F> {
    let fill = |text: &str| number.map_or_else(|| text.to_owned(), |number| text.replace("{}", &number.to_string()));
    let finders = |texts: &[&str]| texts.iter().map(|text| Finder::new(&fill(text)).into_owned()).collect();
    Branch {
        name: fill(row.name),
        facts: row.facts,
        contains: finders(row.contains),
        unless: finders(row.unless),
        children: Vec::new(),
    }
}

/// The first row that fits a user agent in lower case.
pub(super) fn find<'b, F>(branches: &'b [Branch<F>], user_agent: &[u8]) -> Option<Fit<'b, F>> {
    branches.iter().find_map(|family| Some(Fit { row: family.fitting(user_agent)?, family }))
}

impl<F> Branch<F> {
    fn fitting(&self, user_agent: &[u8]) -> Option<&Branch<F>> {
        let any = |finders: &[Finder<'static>]| finders.iter().any(|finder| finder.find(user_agent).is_some());
        if !any(&self.contains) {
            return None;
        }
        let child = self.children.iter().find_map(|child| child.fitting(user_agent));
        child.or_else(|| (!any(&self.unless)).then_some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROWS: &[Row<u8>] = &[
        Row { level: 0, name: "A", numbers: &[], contains: &["a"], unless: &["x"], facts: 1 },
        Row { level: 1, name: "A {}", numbers: &[(3, 2), (1, 1)], contains: &["a/{}"], unless: &[], facts: 2 },
        Row { level: 2, name: "A mobile", numbers: &[], contains: &["m"], unless: &[], facts: 3 },
        Row { level: 0, name: "B", numbers: &[], contains: &["b"], unless: &[], facts: 4 },
    ];

    #[test]
    fn children_come_before_the_exceptions_of_their_parent() {
        let tree = tree(ROWS);
        let name =
            |text: &str| find(&tree, text.as_bytes()).map(|fit| (fit.row.name.as_str(), fit.family.name.as_str()));
        assert_eq!(name("a"), Some(("A", "A")));
        assert_eq!(name("a/3 x"), Some(("A 3", "A")));
        assert_eq!(name("a x b"), Some(("B", "B")));
        assert_eq!(name("a/1 m"), Some(("A mobile", "A")), "the deeper row follows the last number");
        assert_eq!(name("a/3 m"), Some(("A 3", "A")));
        assert_eq!(name("c"), None);
    }
}
