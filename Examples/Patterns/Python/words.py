import mitogen.core
import mitogen.service


def report(text):
    words = text.split()
    return {'words': len(words), 'longest': max(words, key=len)}


def count(lines, counts):
    """Sends the number of each line's words when it has counted them."""
    for line in lines:
        counts.send(len(line.split()))
    counts.close()


class Glossary(mitogen.service.Service):
    """Knows what words mean, once somebody with authority over its context has said it."""

    def __init__(self, router):
        super(Glossary, self).__init__(router)
        self.meanings = {}

    @mitogen.service.expose(mitogen.service.AllowParents())
    @mitogen.service.arg_spec({'word': mitogen.core.UnicodeType, 'meaning': mitogen.core.UnicodeType})
    def learn(self, word, meaning):
        self.meanings[word] = meaning

    @mitogen.service.expose(mitogen.service.AllowAny())
    def explain(self, word):
        if word not in self.meanings:
            raise LookupError('%s is not in the glossary' % (word,))
        return self.meanings[word]
