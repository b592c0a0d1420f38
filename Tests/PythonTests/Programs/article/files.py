import io

import mitogen.service


def read(context, path):
    file = io.BytesIO()
    complete, metadata = mitogen.service.FileService.get(context, path, file)
    return file.getvalue() if complete else None
