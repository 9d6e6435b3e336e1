//! Patterns of routes, and what can be wrong with them.

use std::fmt;
use std::sync::Arc;

/// A pattern taken apart.
#[derive(Debug)]
pub(super) struct Pattern<'a> {
    pub(super) segments: Vec<Segment<'a>>,
    /// The names of the parameters in their order.
    pub(super) names: Arc<[Box<str>]>,
}

/// One segment of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Segment<'a> {
    /// This text.
    Text(&'a str),
    /// `{name}`: any text.
    Param,
    /// `{*name}`: all the rest.
    Rest,
}

/// Takes a pattern apart.
pub(super) fn parse(pattern: &str) -> Result<Pattern<'_>, RouteError> {
    let fail = |problem| RouteError {
        pattern: pattern.into(),
        problem,
    };
    let path = pattern
        .strip_prefix('/')
        .ok_or_else(|| fail(Problem::NoSlash))?;
    let mut segments = Vec::new();
    let mut names: Vec<Box<str>> = Vec::new();
    for segment in path.split('/') {
        if segments.last() == Some(&Segment::Rest) {
            return Err(fail(Problem::BehindRest));
        }
        let inner = segment
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'));
        let (segment, name) = match inner {
            None if segment.contains(is_odd) => return Err(fail(Problem::Text)),
            None => (Segment::Text(segment), None),
            Some(inner) => match inner.strip_prefix('*') {
                Some(name) => (Segment::Rest, Some(name)),
                None => (Segment::Param, Some(inner)),
            },
        };
        if let Some(name) = name {
            if name.is_empty()
                || !name
                    .chars()
                    .all(|char| char.is_alphanumeric() || char == '_')
            {
                return Err(fail(Problem::Name));
            }
            if names.iter().any(|other| **other == *name) {
                return Err(fail(Problem::NameTwice));
            }
            names.push(name.into());
        }
        segments.push(segment);
    }
    Ok(Pattern {
        segments,
        names: names.into(),
    })
}

/// Why a route cannot be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteError {
    pattern: Box<str>,
    problem: Problem,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Problem {
    NoSlash,
    Text,
    Name,
    NameTwice,
    BehindRest,
    Repeated,
}

impl RouteError {
    pub(super) fn repeated(pattern: &str) -> Self {
        Self {
            pattern: pattern.into(),
            problem: Problem::Repeated,
        }
    }

    /// Whether the method has a handler for this pattern already.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.problem == Problem::Repeated
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            Problem::NoSlash => "does not begin with a slash",
            Problem::Text => "has a character that no path has, or a brace inside a segment",
            Problem::Name => "has a parameter whose name is not letters, digits and underscores",
            Problem::NameTwice => "has two parameters of one name",
            Problem::BehindRest => "goes on behind the rest of the path",
            Problem::Repeated => "has a handler for this method already",
        };
        write!(f, "the route {:?} {problem}", self.pattern)
    }
}

impl std::error::Error for RouteError {}

fn is_odd(char: char) -> bool {
    matches!(char, '{' | '}' | '?' | '#') || char.is_control() || char.is_whitespace()
}
