import SluiceEdge
import SluiceVocabulary
import Testing

/// The form in which paths are matched, and what is no path.
@Suite struct RoutePathTests {
    @Test(
        "needless encoding is taken off, the rest stays",
        arguments: [
            "/": "/", "/a/b": "/a/b", "/a/": "/a/", "/%61%2D%7e": "/a-~", "/a%20b%3f": "/a%20b%3F",
            "/...": "/...", "/.a/..b": "/.a/..b", "/a;x=1": "/a;x=1", "/%25%32%65": "/%252e",
        ])
    func normal(path: String, wanted: String) {
        #expect(RoutePath.normal(path) == wanted)
        #expect(RoutePath.normal(wanted) == wanted, "the form is its own")
    }

    @Test(
        "what two readers could take differently is refused",
        arguments: [
            "", "a", "//", "/a//b", "/.", "/..", "/a/./b", "/a/../b", "/a/..", "/%2e",
            "/a/%2E%2e/b",
            "/..;/a", "/.;x", "/%2e;a", "/a%2Fb", "/a%2fb", "/a%5cb", "/a\\b", "/a%00", "/a%0d%0a",
            "/a%7f", "/a%", "/a%4", "/a%zz", "/a b", "/a?b", "/a#b", "/\u{e9}",
        ])
    func refused(path: String) { #expect(RoutePath.normal(path) == nil) }
}
