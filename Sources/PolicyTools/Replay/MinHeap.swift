/// Gives back the least of what it holds.
struct MinHeap<Element: Comparable> {
    private var elements: [Element] = []

    var count: Int { elements.count }
    var first: Element? { elements.first }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var place = elements.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard elements[place] < elements[parent] else { return }
            elements.swapAt(place, parent)
            place = parent
        }
    }

    mutating func removeFirst() -> Element? {
        guard let least = elements.first else { return nil }
        let last = elements.removeLast()
        guard !elements.isEmpty else { return least }
        elements[0] = last
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < elements.count else { return least }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < elements[place] else { return least }
            elements.swapAt(place, child)
            place = child
        }
    }
}

/// Something that is due at a time.
struct Due<Value>: Comparable {
    let time: Int64
    let value: Value

    static func < (left: Self, right: Self) -> Bool { left.time < right.time }
    static func == (left: Self, right: Self) -> Bool { left.time == right.time }
}
