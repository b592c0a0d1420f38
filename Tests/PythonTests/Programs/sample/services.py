import mitogen.core
import mitogen.service
from mitogen.service import expose, AllowAny, AllowParents


class Notebook(mitogen.service.Service):
    def __init__(self, router):
        super(Notebook, self).__init__(router)
        self.words = []

    @expose(AllowParents())
    @mitogen.service.arg_spec({'word': mitogen.core.UnicodeType})
    def write(self, word):
        self.words.append(word)
        return len(self.words)

    @expose(AllowParents())
    def read(self):
        return self.words

    @expose(AllowAny())
    def count(self):
        return len(self.words)

    @expose(AllowParents())
    def tear(self, reason):
        raise ValueError(reason)

    @expose(AllowParents())
    @mitogen.service.arg_spec({'fails': bool})
    @mitogen.service.no_reply()
    def whisper(self, fails):
        if fails:
            raise ValueError('too loud')

    def hide(self):
        pass
