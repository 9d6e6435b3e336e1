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
        if let Some((node, behind)) = self.text(path) {
            let next = at + behind.map_or(0, |behind| path.len() - behind.len());
            if let Some(route) = node.find_behind(behind, next, params) {
                return Some(route);
            }
        }
        let (segment, behind) = split(path);
        let next = at + segment.len() + 1;
        if segment.contains('%')
            && let Ok(text) = self.position(&percent::decode(segment))
            && let Some(route) = self.texts[text].1.find_behind(behind, next, params)
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

    /// The node of the text that a path begins with, as it stands there, and what is behind it.
    fn text<'a>(&self, path: &'a str) -> Option<(&Self, Option<&'a str>)> {
        if self.texts.len() > FEW {
            let (segment, behind) = split(path);
            let at = self.position(segment).ok()?;
            return Some((&self.texts[at].1, behind));
        }
        self.texts
            .iter()
            .find_map(|(text, node)| match path.strip_prefix(&**text)? {
                "" => Some((node, None)),
                behind => Some((node, Some(behind.strip_prefix('/')?))),
            })
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

/// The first segment of a path, and what is behind its slash.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

/// So many texts are looked through one after another, without looking for the slash before.
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
