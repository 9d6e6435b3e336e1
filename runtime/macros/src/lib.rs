//! `#[ringspun::main]` and `#[ringspun::test]`.
//!
//! Both turn an `async fn` into a plain one that builds a runtime and blocks on the body. The parser is
//! a few lines over the token stream, because `syn` would be the largest crate of the whole build: it
//! looks for `async`, `fn`, the argument list and the body, and leaves everything else as it stands.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Starts a runtime and runs the body of an `async fn main` on it.
///
/// The body runs by `Runtime::block_on`: it need not be `Send`, and is no task itself. Options:
/// `cores = N` (default: one for each CPU).
///
/// ```
/// #[ringspun::main(cores = 2)]
/// async fn main() -> std::io::Result<()> {
///     let task = ringspun::spawn(async { 42 });
///     assert_eq!(task.await?, 42);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Main, options, item).unwrap_or_else(Error::into_tokens)
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// Options: `cores = N` (default 1) and `virtual_time` (the clock stands still while any task can run,
/// and jumps to the next timer when all wait).
///
/// ```
/// # mod tests {
/// use std::time::Duration;
///
/// #[ringspun::test(virtual_time)]
/// async fn an_hour_passes_at_once() {
///     ringspun::time::sleep(Duration::from_secs(3600)).await;
/// }
/// # }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Test, options, item).unwrap_or_else(Error::into_tokens)
}

/// A pattern without `ref` and `mut`, so that `select!` can match what lies behind a reference.
#[doc(hidden)]
#[proc_macro]
pub fn clean_pattern(pattern: TokenStream) -> TokenStream {
    let binds = |word: &Ident| ["mut", "ref"].contains(&word.to_string().as_str());
    pattern
        .into_iter()
        .filter(|token| !matches!(token, TokenTree::Ident(word) if binds(word)))
        .map(|token| match token {
            TokenTree::Group(group) => {
                let inner = clean_pattern(group.stream());
                let mut cleaned = Group::new(group.delimiter(), inner);
                cleaned.set_span(group.span());
                TokenTree::Group(cleaned)
            }
            token => token,
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Main,
    Test,
}

/// What the user wrote wrong, and where.
struct Error {
    span: Span,
    text: String,
}

impl Error {
    fn new(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: text.into(),
        }
    }

    fn into_tokens(self) -> TokenStream {
        let error: TokenStream = format!("::core::compile_error!({:?});", self.text)
            .parse()
            .expect("valid tokens");
        error
            .into_iter()
            .map(|mut token| {
                token.set_span(self.span);
                token
            })
            .collect()
    }
}

/// An `async fn` in pieces.
struct Function {
    /// Attributes and visibility, as they stand.
    before: TokenStream,
    name: Ident,
    /// From the argument list to the body: `() -> T`.
    signature: TokenStream,
    body: Group,
}

fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let builder = builder(kind, options)?;
    let Function {
        before,
        name,
        signature,
        body,
    } = parse(item)?;
    if kind == Kind::Main && name.to_string() != "main" {
        return Err(Error::new(
            name.span(),
            "#[ringspun::main] belongs on `async fn main`",
        ));
    }
    let mut out = TokenStream::new();
    if kind == Kind::Test {
        out.extend(tokens("#[::core::prelude::v1::test]"));
    }
    out.extend(before);
    out.extend(tokens("fn"));
    out.extend([TokenTree::Ident(name)]);
    out.extend(signature.clone());
    // The inner function keeps the return type, so that errors point to the user's code.
    let mut inner = tokens("async fn body");
    inner.extend(signature);
    inner.extend([TokenTree::Group(body)]);
    inner.extend(tokens(&format!(
        "::ringspun::Runtime::block_on(
            &{builder}.build().expect(\"cannot start the ringspun runtime\"), body())"
    )));
    out.extend([TokenTree::Group(Group::new(Delimiter::Brace, inner))]);
    Ok(out)
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("valid tokens")
}

/// The expression that makes the runtime's builder.
fn builder(kind: Kind, options: TokenStream) -> Result<String, Error> {
    let mut builder = String::from("::ringspun::Builder::new()");
    let mut cores = (kind == Kind::Test).then(|| "1".to_owned());
    let mut options = options.into_iter().peekable();
    while let Some(option) = options.next() {
        match (option.to_string().as_str(), kind) {
            ("cores", _) => {
                let equals = options.next().is_some_and(|token| token.to_string() == "=");
                let Some(value) = options.next().filter(|_| equals) else {
                    return Err(Error::new(option.span(), "write `cores = N`"));
                };
                cores = Some(value.to_string());
            }
            ("virtual_time", Kind::Test) => builder.push_str(".test_clock(true)"),
            (",", _) => {}
            (other, _) => {
                let known = match kind {
                    Kind::Main => "`cores = N`",
                    Kind::Test => "`cores = N`, `virtual_time`",
                };
                let text = format!("unknown option `{other}`; there is {known}");
                return Err(Error::new(option.span(), text));
            }
        }
    }
    if let Some(cores) = cores {
        builder.push_str(&format!(".cores({cores})"));
    }
    Ok(builder)
}

fn parse(item: TokenStream) -> Result<Function, Error> {
    let mut tokens = item.into_iter().peekable();
    let mut before = TokenStream::new();
    let mut is_async = None;
    let fn_span = loop {
        match tokens.next() {
            Some(TokenTree::Ident(word)) if word.to_string() == "async" => {
                is_async = Some(word.span());
            }
            Some(TokenTree::Ident(word)) if word.to_string() == "fn" => break word.span(),
            Some(token) => before.extend([token]),
            None => {
                return Err(Error::new(
                    Span::call_site(),
                    "this attribute needs an `async fn`",
                ));
            }
        }
    };
    if is_async.is_none() {
        return Err(Error::new(fn_span, "the function must be `async fn`"));
    }
    let Some(TokenTree::Ident(name)) = tokens.next() else {
        return Err(Error::new(fn_span, "a name must follow `fn`"));
    };
    let mut rest: Vec<_> = tokens.collect();
    let Some(TokenTree::Group(body)) = rest.pop() else {
        return Err(Error::new(name.span(), "the function needs a body"));
    };
    match rest.first() {
        Some(TokenTree::Group(arguments)) if arguments.stream().is_empty() => {}
        _ => {
            return Err(Error::new(
                name.span(),
                "the function must take no arguments",
            ));
        }
    }
    Ok(Function {
        before,
        name,
        signature: rest.into_iter().collect(),
        body,
    })
}
