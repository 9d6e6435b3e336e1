//! The tree of routes: one node for each segment.

use std::sync::Arc;

use http::Method;

use super::pattern::Segment;
use crate::handler::Handler;
use crate::percent;
use crate::proto::Span;

/// What can follow at one place of a path.
#[derive(Clone, Default)]
pub(super) struct Node {
    /// The path may end here.
    route: Option<Box<Route>>,
    /// Texts that may follow, sorted by length and content: a binary search needs no hashing, and
    /// most comparisons end with the length.
    texts: Vec<(Box<str>, Self)>,
    /// A parameter may follow.
    param: Option<Box<Self>>,
    /// Anything may follow.
    rest: Option<Box<Route>>,
}

/// The handlers of one pattern.
#[derive(Clone, Default)]
pub(super) struct Route {
    methods: Vec<(Method, Endpoint)>,
    any: Option<Endpoint>,
    /// The value of Allow.
    allow: String,
}

/// A handler, and how its pattern has named the parameters.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) names: Arc<[Box<str>]>,
    pub(super) handler: Arc<dyn Handler>,
}

impl Node {
    /// The route of this pattern, made if need be.
    pub(super) fn route_mut(&mut self, pattern: &[Segment<'_>]) -> &mut Route {
        match pattern {
            [] => self.route.get_or_insert_default(),
            [Segment::Rest, ..] => self.rest.get_or_insert_default(),
            [Segment::Param, rest @ ..] => self.param.get_or_insert_default().route_mut(rest),
            [Segment::Text(text), rest @ ..] => {
                let at = match self.position(text) {
                    Ok(at) => at,
                    Err(at) => {
                        self.texts.insert(at, ((*text).into(), Self::default()));
                        at
                    }
                };
                self.texts[at].1.route_mut(rest)
            }
        }
    }

    /// The route of a path, which stands without its slash at `at` in the target. The depth of the
    /// recursion is that of the tree, whatever the path.
    pub(super) fn find(&self, path: &str, at: usize, params: &mut Vec<Span>) -> Option<&Route> {
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
        let rest = self.rest.as_deref().filter(|_| !path.is_empty())?;
        params.push(Span::new(at..at + path.len()));
        Some(rest)
    }

    fn find_behind(
        &self,
        behind: Option<&str>,
        at: usize,
        params: &mut Vec<Span>,
    ) -> Option<&Route> {
        match behind {
            Some(path) => self.find(path, at, params),
            None => self.route.as_deref(),
        }
    }

    /// The node of a text. Only a segment with a percent sign is decoded.
    fn text(&self, segment: &str) -> Option<&Self> {
        match self.same(segment) {
            None if segment.contains('%') => self.same(&percent::decode(segment)),
            found => found,
        }
    }

    fn same(&self, text: &str) -> Option<&Self> {
        let at = if self.texts.len() <= FEW {
            self.texts.iter().position(|(other, _)| **other == *text)?
        } else {
            self.position(text).ok()?
        };
        Some(&self.texts[at].1)
    }

    fn position(&self, text: &str) -> Result<usize, usize> {
        self.texts.binary_search_by(|(other, _)| {
            other
                .len()
                .cmp(&text.len())
                .then_with(|| (**other).cmp(text))
        })
    }
}

/// So many texts are looked through one after another.
const FEW: usize = 8;

impl Route {
    /// Adds a handler; false if the method has one.
    pub(super) fn add(&mut self, method: Option<Method>, endpoint: Endpoint) -> bool {
        match method {
            None if self.any.is_some() => return false,
            None => self.any = Some(endpoint),
            Some(method) if self.methods.iter().any(|(other, _)| *other == method) => return false,
            Some(method) => self.methods.push((method, endpoint)),
        }
        self.allow = self.methods_with_implied().join(", ");
        true
    }

    /// The handler of a method.
    pub(super) fn get(&self, method: &Method) -> Option<&Endpoint> {
        let of = |method: &Method| {
            self.methods
                .iter()
                .find(|(other, _)| other == method)
                .map(|(_, endpoint)| endpoint)
        };
        of(method)
            .or_else(|| {
                if *method == Method::HEAD {
                    of(&Method::GET)
                } else {
                    None
                }
            })
            .or(self.any.as_ref())
    }

    /// The value of Allow.
    pub(super) fn allow(&self) -> &str {
        &self.allow
    }

    fn methods_with_implied(&self) -> Vec<&str> {
        let mut methods = Vec::new();
        for (method, _) in &self.methods {
            methods.push(method.as_str());
            if *method == Method::GET {
                methods.push("HEAD");
            }
        }
        methods.push("OPTIONS");
        let mut seen = Vec::new();
        methods.retain(|method| {
            let is_new = !seen.contains(method);
            seen.push(*method);
            is_new
        });
        methods
    }
}
