//! The tree of patterns: one node for each segment.

use super::pattern::Segment;
use super::texts::Texts;
use crate::percent;
use crate::proto::Span;

/// What can follow at one place of a path.
#[derive(Clone, Default)]
pub(super) struct Node {
    /// The path may end here.
    end: Option<RouteIndex>,
    /// Texts that may follow.
    texts: Texts<Self>,
    /// A parameter may follow.
    param: Option<Box<Self>>,
    /// Anything may follow.
    rest: Option<RouteIndex>,
}

/// Where a route stands among the routes.
pub(super) type RouteIndex = usize;

impl Node {
    /// Where the route of this pattern is kept.
    pub(super) fn entry(&mut self, pattern: &[Segment<'_>]) -> &mut Option<RouteIndex> {
        match pattern {
            [] => &mut self.end,
            [Segment::Rest, ..] => &mut self.rest,
            [Segment::Param, behind @ ..] => self.param.get_or_insert_default().entry(behind),
            [Segment::Text(text), behind @ ..] => self.texts.get_or_default(text).entry(behind),
        }
    }

    /// The route of a path, which stands without its slash at `at` in the target. The depth of the
    /// recursion is that of the tree, whatever the path.
    pub(super) fn find(&self, path: &str, at: usize, params: &mut Vec<Span>) -> Option<RouteIndex> {
        let (segment, behind) = match path.bytes().position(|byte| byte == b'/') {
            Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
            None => (path, None),
        };
        let next = at + segment.len() + 1;
        if let Some(node) = self.text(segment)
            && let Some(route) = node.find_behind(behind, next, params)
        {
            return Some(route);
        }
        if let Some(node) = &self.param
            && !segment.is_empty()
        {
            params.push(Span::new(at..at + segment.len()));
            if let Some(route) = node.find_behind(behind, next, params) {
                return Some(route);
            }
            params.pop();
        }
        let rest = self.rest.filter(|_| !path.is_empty())?;
        params.push(Span::new(at..at + path.len()));
        Some(rest)
    }

    fn find_behind(
        &self,
        behind: Option<&str>,
        at: usize,
        params: &mut Vec<Span>,
    ) -> Option<RouteIndex> {
        match behind {
            Some(path) => self.find(path, at, params),
            None => self.end,
        }
    }

    /// The node of a text. Only a segment with a percent sign is decoded.
    fn text(&self, segment: &str) -> Option<&Self> {
        match self.texts.get(segment) {
            None if segment.contains('%') => self.texts.get(&percent::decode(segment)),
            found => found,
        }
    }
}
